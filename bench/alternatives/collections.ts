import type { Connection } from 'mongoose';

/** How many bytes the documents of these collections have, before compression. */
export async function measureCollections(
  connection: Connection,
  names: readonly string[],
): Promise<number> {
  let bytes = 0;
  for (const name of names) {
    const [stats] = await connection
      .collection(name)
      .aggregate<{ storageStats: { size: number } }>([{ $collStats: { storageStats: {} } }])
      .toArray();
    bytes += stats?.storageStats.size ?? 0;
  }
  return bytes;
}
