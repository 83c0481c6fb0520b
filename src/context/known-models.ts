import type { Connection } from 'mongoose';
import type { PluggedModel } from '../capture/capturing.js';
import type { NamingModel } from '../capture/find-named.js';

/**
 * The plugged models of this process. A model that the application deletes, or compiles anew, is
 * released.
 */
export class KnownModels {
  private readonly byName = new Map<string, NamingModel>();
  private readonly list: NamingModel[] = [];
  private readonly connections = new Set<Connection>();

  private readonly onDelete = (model: PluggedModel): void => {
    this.release((plugged) => plugged.model === model);
  };

  /**
   * The models whose collections are searched for documents that name a file. The array is always
   * the same object: copy it before you wait.
   */
  get naming(): readonly NamingModel[] {
    return this.list;
  }
  get names(): readonly string[] {
    return [...this.byName.keys()];
  }

  findModel(name: string): NamingModel | undefined {
    return this.byName.get(name);
  }

  /**
   * @returns whether its documents are searched. Documents of a discriminator that inherits the
   * plugin are found with those of its base, by the same options.
   */
  add(naming: NamingModel): boolean {
    const { model, options } = naming;
    this.watch(model.db);
    this.release(
      (plugged) => plugged.options === options && readSameDocuments(plugged.model, model),
    );
    this.byName.set(model.modelName, naming);
    if (
      this.list.some(
        (plugged) => plugged.model.modelName === model.baseModelName && plugged.options === options,
      )
    )
      return false;
    this.list.push(naming);
    return true;
  }

  close(): void {
    for (const connection of this.connections) connection.off('deleteModel', this.onDelete);
    this.connections.clear();
  }

  private watch(connection: Connection): void {
    if (this.connections.has(connection)) return;
    this.connections.add(connection);
    connection.on('deleteModel', this.onDelete);
  }

  private release(isReleased: (plugged: NamingModel) => boolean): void {
    this.list.splice(0, this.list.length, ...this.list.filter((plugged) => !isReleased(plugged)));
    for (const [name, plugged] of this.byName) if (isReleased(plugged)) this.byName.delete(name);
  }
}

/** Whether both read the same documents. */
function readSameDocuments(one: PluggedModel, other: PluggedModel): boolean {
  return (
    one.modelName === other.modelName && one.db === other.db && one.collection === other.collection
  );
}
