export type ViewName =
  | 'overview'
  | 'host'
  | 'files'
  | 'runs'
  | 'run'
  | 'conflicts'
  | 'removals'
  | 'trash'
  | 'restore'
  | 'audit';

export interface PageRoute {
  readonly view: ViewName;
  /** The host or run that the view is about. */
  readonly subject?: string;
  readonly query: Readonly<Record<string, string>>;
}

const plainViews = ['files', 'runs', 'conflicts', 'removals', 'trash', 'restore', 'audit'] as const;

/** Reads the part of the address after `#`. An unknown one shows the overview. */
export function parseRoute(hash: string): PageRoute {
  const [path = '', search = ''] = hash.replace(/^#/, '').split(/\?(.*)/s);
  const [, first = '', second = ''] = path.split('/');
  const query = Object.fromEntries(new URLSearchParams(search));
  const subject = decode(second);
  if (first === 'hosts' && subject !== '') return { view: 'host', subject, query };
  if (first === 'runs' && subject !== '') return { view: 'run', subject, query };
  const view = plainViews.find((one) => one === first);
  return { view: view ?? 'overview', query };
}

export const hostAddress = (hostname: string): string => `#/hosts/${encodeURIComponent(hostname)}`;
export const runAddress = (id: string): string => `#/runs/${encodeURIComponent(id)}`;
export const fileAddress = (path: string): string => viewAddress('files', { path });

export function viewAddress(
  view: (typeof plainViews)[number],
  query: Readonly<Record<string, string>> = {},
): string {
  const search = new URLSearchParams(query).toString();
  return `#/${view}${search === '' ? '' : `?${search}`}`;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
