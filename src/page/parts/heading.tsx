import type { ComponentChildren, JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import { usePage } from '../page-context.js';
import { Icon, type IconName } from './icon.js';

/** The one heading of a view, which is also the title of the tab and takes the focus. */
export function Heading({
  title,
  icon,
  children,
}: {
  title: string;
  icon?: IconName;
  children?: ComponentChildren;
}): JSX.Element {
  const { arrive } = usePage();
  useEffect(arrive, []);
  useEffect(() => {
    document.title = `${title} · syncmedia`;
  }, [title]);
  return (
    <>
      <h1 tabIndex={-1}>
        {icon && <Icon name={icon} />}
        <bdi>{title}</bdi>
      </h1>
      {children !== undefined && <p class="lead">{children}</p>}
    </>
  );
}

export function Section({
  title,
  more,
  children,
}: {
  title: ComponentChildren;
  more?: ComponentChildren;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <section>
      <h2>
        {title}
        {more !== undefined && <span>{more}</span>}
      </h2>
      {children}
    </section>
  );
}
