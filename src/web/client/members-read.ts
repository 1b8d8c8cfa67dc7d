/**
 * How far the others have read and received, as far as it is known: asked for when a conversation
 * is opened, and told afterwards for direct ones. Nobody's position moves back, but where the conversation
 * itself begins anew.
 */
import type { MemberPosition, ReadPosition } from '../../protocol/types.ts';
import { Emitter } from './emitter.ts';

export class MembersRead {
  readonly changed = new Emitter();
  /** Conversation -> person -> seq. */
  readonly #seqs = new Map<string, Map<string, number>>();
  readonly #delivered = new Map<string, Map<string, number>>();

  /** The last message that a person has read there; 0 when nothing is known. */
  of(conversationId: string, userId: string): number {
    return this.#seqs.get(conversationId)?.get(userId) ?? 0;
  }

  /** The last message that one of their devices has received; what they read, they have. */
  deliveredOf(conversationId: string, userId: string): number {
    const delivered = this.#delivered.get(conversationId)?.get(userId) ?? 0;
    return Math.max(delivered, this.of(conversationId, userId));
  }

  note({ conversationId, userId, seq }: ReadPosition): void {
    if (raise(this.#seqs, conversationId, userId, seq)) this.changed.emit();
  }

  noteDelivered({ conversationId, userId, seq }: ReadPosition): void {
    if (this.#raiseDelivered(conversationId, userId, seq)) this.changed.emit();
  }

  take(conversationId: string, positions: readonly MemberPosition[]): void {
    let isNews = false;
    for (const { userId, readSeq, deliveredSeq } of positions) {
      isNews = raise(this.#seqs, conversationId, userId, readSeq) || isNews;
      isNews = this.#raiseDelivered(conversationId, userId, deliveredSeq) || isNews;
    }
    if (isNews) this.changed.emit();
  }

  forget(conversationId: string): void {
    const wasRead = this.#seqs.delete(conversationId);
    if (this.#delivered.delete(conversationId) || wasRead) this.changed.emit();
  }

  /** What was read is known to be received. */
  #raiseDelivered(conversationId: string, userId: string, seq: number): boolean {
    if (seq <= this.deliveredOf(conversationId, userId)) return false;
    return raise(this.#delivered, conversationId, userId, seq);
  }
}

function raise(
  all: Map<string, Map<string, number>>,
  conversationId: string,
  userId: string,
  seq: number,
): boolean {
  const seqs = all.get(conversationId) ?? new Map<string, number>();
  if (seq <= (seqs.get(userId) ?? 0)) return false;
  all.set(conversationId, seqs.set(userId, seq));
  return true;
}
