const chunkBits = 16,
  chunkStates = 1 << chunkBits;

/**
 * Every state that was found, once, with the one it was first reached from. Grows as needed; a
 * state takes its bytes and 12 more.
 */
export class Table {
  count = 0;
  private readonly chunks: Uint8Array[] = [];
  private parents = new Int32Array(1 << 16);
  private slots = new Int32Array(1 << 17).fill(-1);

  constructor(readonly size: number) {}

  bytesOf(index: number): Uint8Array {
    return this.chunks[index >> chunkBits] as Uint8Array;
  }
  startOf(index: number): number {
    return (index & (chunkStates - 1)) * this.size;
  }
  parentOf(index: number): number {
    return this.parents[index] as number;
  }

  /** The index of a state that is known, or -1. */
  find(key: Uint8Array): number {
    return this.slots[this.slotOf(key)] as number;
  }

  add(key: Uint8Array, parent: number): number {
    const slot = this.slotOf(key),
      known = this.slots[slot] as number;
    if (known >= 0) return known;
    const index = this.count++;
    const start = this.startOf(index);
    if (start === 0) this.chunks.push(new Uint8Array(chunkStates * this.size));
    const bytes = this.bytesOf(index);
    for (let i = 0; i < this.size; i++) bytes[start + i] = key[i] as number;
    if (index >= this.parents.length) {
      const more = new Int32Array(this.parents.length * 2);
      more.set(this.parents);
      this.parents = more;
    }
    this.parents[index] = parent;
    this.slots[slot] = index;
    if (this.count * 2 > this.slots.length) this.grow();
    return index;
  }

  private grow(): void {
    this.slots = new Int32Array(this.slots.length * 2).fill(-1);
    for (let index = 0; index < this.count; index++) {
      const start = this.startOf(index),
        bytes = this.bytesOf(index);
      this.slots[this.slotOf(bytes.subarray(start, start + this.size), false)] = index;
    }
  }

  /** Where the key is, or the free slot where it belongs. */
  private slotOf(key: Uint8Array, compare = true): number {
    const mask = this.slots.length - 1;
    let slot = hash(key) & mask;
    for (let index = this.slots[slot] as number; index >= 0; index = this.slots[slot] as number) {
      if (compare && this.isAt(index, key)) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  private isAt(index: number, key: Uint8Array): boolean {
    const bytes = this.bytesOf(index),
      start = this.startOf(index);
    for (let i = 0; i < this.size; i++) if (bytes[start + i] !== key[i]) return false;
    return true;
  }
}

/** FNV-1a, with a last stir (MurmurHash3's finaliser), so that the low bits depend on all. */
function hash(key: Uint8Array): number {
  let hashed = 0x811c9dc5;
  for (const byte of key) hashed = Math.imul(hashed ^ byte, 0x01000193);
  hashed = Math.imul(hashed ^ (hashed >>> 16), 0x85ebca6b);
  hashed = Math.imul(hashed ^ (hashed >>> 13), 0xc2b2ae35);
  return (hashed ^ (hashed >>> 16)) >>> 0;
}
