import { type AdminRoute, get } from './admin-route.js';

export const metricsRoutes: readonly AdminRoute[] = [
  get('/metrics', {
    about: 'the metrics of the site for Prometheus; 501 without prom-client',
    contentTypes: ['text/plain'],
    errors: [501],
    handle: async (sync) => {
      const { contentType, text } = await sync.metrics();
      return { status: 200, contentType, body: text };
    },
  }),
];
