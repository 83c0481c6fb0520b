import type { RefObject } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { holdRows, type HeldRow } from '../hold-rows.js';

/**
 * Arranges rows so that none moves while the pointer, the focus or a selection is among them.
 * `choice` names the rows that the reader chose to see: another one arranges them anew.
 */
export function useHeldRows<T, E extends HTMLElement>(
  wanted: readonly HeldRow<T>[],
  choice = '',
): { rows: readonly HeldRow<T>[]; area: RefObject<E> } {
  const area = useRef<E>(null);
  const pointer = useRef(false);
  const shown = useRef(wanted);
  const chosen = useRef(choice);
  const [, setTurn] = useState(0);

  useEffect(() => {
    const element = area.current;
    if (!element) return;
    const enter = (): void => {
      pointer.current = true;
    };
    const redraw = (): void => {
      setTurn((count) => count + 1);
    };
    const leave = (): void => {
      pointer.current = false;
      redraw();
    };
    element.addEventListener('pointerenter', enter);
    element.addEventListener('pointerleave', leave);
    element.addEventListener('focusout', redraw);
    return () => {
      element.removeEventListener('pointerenter', enter);
      element.removeEventListener('pointerleave', leave);
      element.removeEventListener('focusout', redraw);
    };
  }, [area.current]);

  const isHeld = chosen.current === choice && (pointer.current || hasReader(area.current));
  chosen.current = choice;
  shown.current = holdRows(shown.current, wanted, isHeld);
  return { rows: shown.current, area };
}

/** Whether the focus or a selection of text is inside. */
function hasReader(element: Element | null): boolean {
  if (!element) return false;
  if (element.contains(document.activeElement)) return true;
  const selection = document.getSelection();
  return selection !== null && !selection.isCollapsed && element.contains(selection.anchorNode);
}
