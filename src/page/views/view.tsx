import type { JSX } from 'preact';
import type { PageRoute } from '../routes.js';
import type { WireOverview } from '../wire.js';
import { AuditView } from './audit.js';
import { ConflictsView } from './conflicts.js';
import { FilesView } from './files.js';
import { HostView } from './host.js';
import { OverviewView } from './overview.js';
import { RemovalsView } from './removals.js';
import { RestoreView } from './restore.js';
import { RunView } from './run.js';
import { RunsView } from './runs.js';
import { TrashView } from './trash.js';

export function View({
  route,
  overview,
}: {
  route: PageRoute;
  overview: WireOverview;
}): JSX.Element {
  const { subject = '', query } = route;
  const { host } = query;
  switch (route.view) {
    case 'overview':
      return <OverviewView overview={overview} />;
    case 'host':
      return <HostView name={subject} />;
    case 'files':
      return <FilesView query={query} />;
    case 'runs':
      return <RunsView />;
    case 'run':
      return <RunView id={subject} />;
    case 'conflicts':
      return <ConflictsView {...(host !== undefined && { host })} />;
    case 'removals':
      return <RemovalsView />;
    case 'trash':
      return <TrashView {...(host !== undefined && { host })} />;
    case 'restore':
      return <RestoreView />;
    case 'audit':
      return <AuditView />;
  }
}
