import { type AdminRoute, get } from '../admin-route.js';
import { Refusal } from '../refusal.js';

export const pageRoutes: readonly AdminRoute[] = [
  get('/assets/:name', {
    about: 'a file of the admin page; without credentials',
    isPublic: true,
    statuses: [200, 304],
    contentTypes: ['text/javascript', 'text/css', 'image/svg+xml'],
    handle: (_sync, { params, headers, page }) => {
      const asset = page.findAsset(params.name, headers['if-none-match']);
      if (asset) return asset;
      throw new Refusal(
        404,
        'NOT_FOUND',
        'This version of the page has no such file; load the page again.',
      );
    },
  }),
];
