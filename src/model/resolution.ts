/**
 * What happens to bytes that a delivery replaced or removed. drop: they are exactly the sent
 * bytes. put-back: place them at their path again; what that replaces is resolved in turn.
 * put-back-if-absent: the same, but only if the path is empty; otherwise keep them as a conflict.
 */
export type Resolution = 'drop' | 'trash' | 'conflict' | 'put-back' | 'put-back-if-absent';

/**
 * How bytes came to `.syncmedia/replaced`: a put or a put-back replaced them, a removal took
 * them, or a crash left them there.
 */
export type ReplacedBy = 'replaced' | 'put-back' | 'removed' | 'leftover';
