import type { JSX } from 'preact';
import type { HostStateName } from '../../api/overview.js';
import type { Run } from '../../model/run.js';
import type { FilePlace } from '../places.js';
import { texts } from '../texts.js';
import { Icon, type IconName } from './icon.js';

export const stateIcons: Readonly<Record<HostStateName, IconName>> = {
  pending: 'pending',
  cloned: 'cloned',
  down: 'down',
  halted: 'halted',
  blocked: 'blocked',
  filling: 'filling',
  paused: 'paused',
  behind: 'behind',
  'up to date': 'ok',
};

export const runIcons: Readonly<Record<Run['state'], IconName>> = {
  requested: 'owed',
  running: 'run',
  done: 'ok',
  failed: 'behind',
  cancelled: 'paused',
};

const placeIcons: Readonly<Record<FilePlace, IconName>> = {
  holds: 'holds',
  waits: 'owed',
  blocked: 'blocked',
  unconcerned: 'paused',
};

/** Always a shape and a word; the colour only adds to them. */
function Word({ icon, word }: { icon: IconName; word: string }): JSX.Element {
  return (
    <span class={`word ${icon}`}>
      <Icon name={icon} /> {word}
    </span>
  );
}

export function StateWord({ state }: { state: HostStateName }): JSX.Element {
  return <Word icon={stateIcons[state]} word={texts.states[state]} />;
}

export function RunWord({ state }: { state: Run['state'] }): JSX.Element {
  return <Word icon={runIcons[state]} word={texts.runStates[state]} />;
}

export function PlaceWord({ place }: { place: FilePlace }): JSX.Element {
  return <Word icon={placeIcons[place]} word={texts.places[place]} />;
}
