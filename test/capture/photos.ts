import type { HydratedDocument, Model, Schema } from 'mongoose';
import type { PluginOptions } from '../../src/config/config.js';
import type { Site } from './site.js';

export type Photo = Record<string, unknown>;
export type Photos = Model<Photo>;
export type Saved = HydratedDocument<Photo>;

/** Four files that sites of these tests write. */
export const [a, b, c, d] = ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg'].map(
  (name) => `uploads/photos/${name}`,
) as [string, string, string, string];

let count = 0;

/**
 * A plugged model of its own for each test, with its collection and indexes made. `prepare` comes
 * after the plugin.
 */
export async function compilePhotos(
  site: Site,
  options: Partial<PluginOptions> = {},
  {
    definition = {},
    before = () => undefined,
    prepare = () => undefined,
  }: {
    definition?: Photo;
    before?: (schema: Schema) => void;
    prepare?: (schema: Schema) => void;
  } = {},
): Promise<Photos> {
  const schema = new site.mongoose.Schema({
    file: String,
    second: String,
    title: String,
    gallery: [new site.mongoose.Schema({ file: String })],
    ...definition,
  }) as Schema;
  before(schema);
  schema.plugin(site.plugin, { syncDirs: 'uploads/photos', ...options });
  prepare(schema);
  const photos = site.connection.model(`Photo${String(++count)}`, schema) as unknown as Photos;
  await photos.init();
  await site.reset();
  return photos;
}
