import { type AdminRoute, get } from '../admin-route.js';

/** @param listRoutes all routes, this one included */
export function createOpenapiRoute(listRoutes: () => readonly AdminRoute[]): AdminRoute {
  let text: string | undefined;
  return get('/openapi.json', {
    about: 'this router as an OpenAPI 3.1 document',
    contentTypes: ['application/json'],
    handle: async () => {
      // Loaded at the first request: hardly any process is ever asked for it.
      const { describeApi } = await import('./describe-api.js');
      text ??= JSON.stringify(describeApi(listRoutes()));
      return { status: 200, contentType: 'application/json; charset=utf-8', body: text };
    },
  });
}
