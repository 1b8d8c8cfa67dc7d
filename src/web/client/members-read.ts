/**
 * How far the others have read, as far as it is known: asked for when a conversation is opened,
 * and told afterwards for direct ones. Nobody's position moves back, but where the conversation
 * itself begins anew.
 */
import type { MemberPosition, ReadPosition } from '../../protocol/types.ts';
import { Emitter } from './emitter.ts';

export class MembersRead {
  readonly changed = new Emitter();
  /** Conversation -> person -> seq. */
  readonly #seqs = new Map<string, Map<string, number>>();

  /** The last message that a person has read there; 0 when nothing is known. */
  of(conversationId: string, userId: string): number {
    return this.#seqs.get(conversationId)?.get(userId) ?? 0;
  }

  note({ conversationId, userId, seq }: ReadPosition): void {
    if (this.#raise(conversationId, userId, seq)) this.changed.emit();
  }

  take(conversationId: string, positions: readonly MemberPosition[]): void {
    let isNews = false;
    for (const { userId, readSeq } of positions) {
      isNews = this.#raise(conversationId, userId, readSeq) || isNews;
    }
    if (isNews) this.changed.emit();
  }

  forget(conversationId: string): void {
    if (this.#seqs.delete(conversationId)) this.changed.emit();
  }

  #raise(conversationId: string, userId: string, seq: number): boolean {
    if (seq <= this.of(conversationId, userId)) return false;
    const seqs = this.#seqs.get(conversationId) ?? new Map<string, number>();
    this.#seqs.set(conversationId, seqs.set(userId, seq));
    return true;
  }
}
