import type { GenericSchema } from 'valibot';

export type JsonSchemaObject = Readonly<Record<string, unknown>>;

/** The parts of valibot's schemas and actions that a description needs. */
interface SchemaPart {
  readonly kind: string;
  readonly type: string;
  readonly pipe?: readonly SchemaPart[];
  readonly entries?: Readonly<Record<string, SchemaPart>>;
  readonly item?: SchemaPart;
  readonly value?: SchemaPart;
  readonly wrapped?: SchemaPart;
  readonly options?: readonly unknown[];
  readonly literal?: unknown;
  readonly requirement?: unknown;
}

/**
 * Converts the valibot schemas of the router into JSON Schema, as OpenAPI 3.1 has it.
 *
 * @param names of schemas that are described once, below `components`
 */
export class SchemaConverter {
  constructor(private readonly names: ReadonlyMap<GenericSchema, string>) {}

  /** Describes a field of a request: a name that is unknown there is refused. */
  convertRequest(schema: GenericSchema): JsonSchemaObject {
    return this.convert(schema, { additionalProperties: false });
  }

  /** Describes an answer, which a later version may give more properties. */
  convertAnswer(schema: GenericSchema): JsonSchemaObject {
    return this.convert(schema, {});
  }

  /** Describes a schema that has a name, without referring to itself. */
  convertNamed(schema: GenericSchema): JsonSchemaObject {
    return this.convertWhole(schema, {});
  }

  private convert(part: SchemaPart, limits: JsonSchemaObject): JsonSchemaObject {
    const name = this.names.get(part as unknown as GenericSchema);
    return name === undefined
      ? this.convertWhole(part, limits)
      : { $ref: `#/components/schemas/${name}` };
  }

  private convertWhole(part: SchemaPart, limits: JsonSchemaObject): JsonSchemaObject {
    const { pipe } = part;
    if (!pipe) return this.convertPlain(part, limits);
    // What follows a transformation describes the value best: a number in a query.
    const start = pipe.findLastIndex(({ kind }) => kind === 'schema');
    const first = pipe[start];
    if (!first) throw new Error('A pipe begins with a schema.');
    return pipe.slice(start + 1).reduce(applyAction, this.convertWhole(first, limits));
  }

  private convertPlain(part: SchemaPart, limits: JsonSchemaObject): JsonSchemaObject {
    const convert = (inner: SchemaPart | undefined): JsonSchemaObject =>
      inner ? this.convert(inner, limits) : {};
    switch (part.type) {
      case 'string':
      case 'number':
      case 'boolean':
        return { type: part.type };
      case 'literal':
        return { const: part.literal };
      case 'picklist':
        return { type: 'string', enum: part.options };
      case 'array':
        return { type: 'array', items: convert(part.item) };
      case 'record':
        return { type: 'object', additionalProperties: convert(part.value) };
      case 'nullable':
        return { anyOf: [convert(part.wrapped), { type: 'null' }] };
      case 'exact_optional':
        return convert(part.wrapped);
      case 'strict_object': {
        const entries = Object.entries(part.entries ?? {});
        const required = entries.filter(([, { type }]) => type !== 'exact_optional');
        return {
          type: 'object',
          properties: Object.fromEntries(entries.map(([key, value]) => [key, convert(value)])),
          ...(required.length > 0 && { required: required.map(([key]) => key) }),
          ...limits,
        };
      }
      default:
        throw new Error(`A schema of the type ${part.type} has no description yet.`);
    }
  }
}

function applyAction(
  schema: JsonSchemaObject,
  { type, requirement }: SchemaPart,
): JsonSchemaObject {
  switch (type) {
    case 'integer':
      return { ...schema, type: 'integer' };
    case 'min_value':
      return { ...schema, minimum: requirement };
    case 'max_value':
      return { ...schema, maximum: requirement };
    case 'min_length':
      return { ...schema, [schema.type === 'array' ? 'minItems' : 'minLength']: requirement };
    case 'max_length':
      return { ...schema, [schema.type === 'array' ? 'maxItems' : 'maxLength']: requirement };
    case 'iso_timestamp':
      return { ...schema, format: 'date-time' };
    case 'regex': {
      const pattern = (requirement as RegExp).source;
      return 'pattern' in schema ? { allOf: [schema, { pattern }] } : { ...schema, pattern };
    }
    default:
      throw new Error(`An action of the type ${type} has no description yet.`);
  }
}
