import { dirname } from 'node:path';

export default {
  // The routes and the server share one instance of syncmedia, and one of Mongoose.
  serverExternalPackages: ['syncmedia', 'mongoose'],
  // Nobody builds here twice.
  experimental: { turbopackFileSystemCacheForBuild: false },
  turbopack: { root: dirname(import.meta.dirname) },
};
