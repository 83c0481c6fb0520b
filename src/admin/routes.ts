import * as v from 'valibot';
import type { AuditEntry, DoctorCheck } from '../api/reports.js';
import { type AdminRoute, get } from './admin-route.js';
import { objectOf } from './answers/json.js';
import { auditAnswer, doctorCheck, statusAnswer } from './answers/status.js';
import { eventRoutes } from './events/event-routes.js';
import { countField, textField } from './fields.js';
import { fileRoutes } from './files.js';
import { historyRoutes } from './history.js';
import { hostRoutes } from './hosts.js';
import { metricsRoutes } from './metrics.js';
import { createOpenapiRoute } from './openapi/openapi-route.js';
import { pageRoutes } from './page/page-routes.js';
import { recoverableRoutes } from './recoverable.js';
import { runRoutes } from './runs.js';
import { sessionRoutes } from './session/session-routes.js';

type RouteEntry = Pick<AdminRoute, 'method' | 'path' | 'about'>;
interface Index {
  readonly name: 'syncmedia';
  readonly initialised: boolean;
  readonly routes: readonly RouteEntry[];
}

const siteRoutes: readonly AdminRoute[] = [
  get('/', {
    about: 'this list; the admin page for a browser',
    statuses: [200, 302],
    contentTypes: ['text/html'],
    answer: objectOf<Index>({
      name: v.literal('syncmedia'),
      initialised: v.boolean(),
      routes: v.array(
        objectOf<RouteEntry>({
          method: v.picklist(['GET', 'POST', 'PATCH', 'DELETE']),
          path: v.string(),
          about: v.string(),
        }),
      ),
    }),
    handle: ({ initialised }) => ({
      status: 200,
      body: {
        name: 'syncmedia',
        initialised,
        routes: routes.map(({ method, path, about }) => ({ method, path, about })),
      },
    }),
  }),
  get('/status', {
    about: 'backlog, deliveries and failures of every host',
    answer: statusAnswer,
    handle: async (sync) => ({ status: 200, body: await sync.status() }),
  }),
  get('/doctor', {
    about: 'examines this host and its way to the others, or one other host from here',
    query: { host: v.exactOptional(textField()) },
    answer: objectOf<{ checks: DoctorCheck[] }>({ checks: v.array(doctorCheck) }),
    handle: async (sync, { query }) => ({
      status: 200,
      body: { checks: await sync.doctor(query) },
    }),
  }),
  get('/healthz', {
    about: 'whether this process answers; without credentials',
    isPublic: true,
    answer: objectOf<{ status: 'ok' }>({ status: v.literal('ok') }),
    handle: () => ({ status: 200, body: { status: 'ok' } }),
  }),
  get('/readyz', {
    about: 'whether this host may take visitors; without credentials',
    isPublic: true,
    statuses: [200, 503],
    answer: objectOf<{ status: 'ok' | 'unavailable' }>({
      status: v.picklist(['ok', 'unavailable']),
    }),
    handle: async (sync) => {
      const ready = await sync.isReady();
      return { status: ready ? 200 : 503, body: { status: ready ? 'ok' : 'unavailable' } };
    },
  }),
  get('/audit', {
    about: 'who changed what',
    query: { limit: v.exactOptional(countField(1, 1000)) },
    answer: objectOf<{ audit: AuditEntry[] }>({ audit: v.array(auditAnswer) }),
    handle: async (sync, { query: { limit = 100 } }) => ({
      status: 200,
      body: { audit: await sync.audit.list(limit) },
    }),
  }),
];

export const routes: readonly AdminRoute[] = [
  ...siteRoutes,
  ...sessionRoutes,
  ...pageRoutes,
  ...eventRoutes,
  createOpenapiRoute(() => routes),
  ...fileRoutes,
  ...historyRoutes,
  ...hostRoutes,
  ...runRoutes,
  ...recoverableRoutes,
  ...metricsRoutes,
];
