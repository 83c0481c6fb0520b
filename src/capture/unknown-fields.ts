import type { Schema } from 'mongoose';
import type { PluggedModel } from './capturing.js';

/**
 * The names in `paths` at which no document of the model can hold a file name. These are
 * virtuals, which are not stored, and fields that neither the schema nor one of its
 * discriminators declares. Below a Mixed field or a Map, and in a schema that is not strict,
 * every name is possible.
 */
export function findUnknownFields(
  model: Pick<PluggedModel, 'schema' | 'discriminators'>,
  paths: readonly string[],
): string[] {
  const schemas = [
    model.schema,
    ...Object.values(model.discriminators ?? {}).map(({ schema }) => schema),
  ] as Schema[];
  return paths.filter((path) => !schemas.some((schema) => mayHold(schema, path)));
}

function mayHold(schema: Schema, path: string): boolean {
  // Mongoose knows an array's items by their field alone, as in `gallery.src`.
  const names = path.split('.').filter((name) => !/^\d+$/.test(name));
  const type = schema.pathType(names.join('.'));
  if (type === 'real' || type === 'nested') return true;
  if (type === 'virtual') return false;
  if (schema.get('strict') === false) return true;
  return names.some(
    (_, index) => index > 0 && isOpenField(schema, names.slice(0, index).join('.')),
  );
}

/** Whether anything may be stored below this path. */
function isOpenField(schema: Schema, path: string): boolean {
  const type = schema.path(path) as unknown as OpenType | undefined;
  if (type === undefined) return false;
  const item = type.embeddedSchemaType ?? type.caster ?? type;
  return [type, item].some(
    ({ instance, schema: inner }) =>
      instance === 'Mixed' || instance === 'Map' || inner?.get('strict') === false,
  );
}

/**
 * The members of a schema type that show whether it accepts any field. Mongoose 8 has `caster`
 * for the type of an array's items.
 */
interface OpenType {
  readonly instance?: string;
  readonly schema?: Schema;
  readonly embeddedSchemaType?: OpenType;
  readonly caster?: OpenType;
}
