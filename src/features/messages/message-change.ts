/** What a change makes of a message, and who may change it. */
import { AppError, invalid, notFound } from '../../errors.ts';
import { limits } from '../../protocol/limits.ts';
import type { Reaction } from '../../protocol/types.ts';
import type { MessageRecord } from './messages.store.ts';

/** What somebody wants of a message. Each may be asked for again: then it changes nothing. */
export type MessageChange = { userId: string } /** @param mentions whom the new text names */ & (
  | { kind: 'edit'; text: string; mentions: string[] }
  /** @param mayDeleteAny an admin of the group */
  | { kind: 'delete'; mayDeleteAny: boolean }
  | { kind: 'react'; emoji: string; active: boolean }
);

/**
 * The message as it is after the change; the same object when there is nothing to change. Former
 * texts are not kept, and a deleted message keeps its place alone.
 */
export function changed(
  record: MessageRecord,
  change: MessageChange,
  now: Date,
): MessageRecord | AppError {
  if (change.kind === 'delete') return deleted(record, change, now);
  if (record.deletedAt !== undefined) return notFound('This message');
  return change.kind === 'edit' ? edited(record, change, now) : reacted(record, change, now);
}

function edited(
  record: MessageRecord,
  { userId, text, mentions }: { userId: string; text: string; mentions: string[] },
  now: Date,
): MessageRecord | AppError {
  if (record.senderId !== userId) {
    return new AppError('forbidden', 'Only who wrote a message may edit it.');
  }
  if (text === record.text) return record;
  if (text === '' && record.attachments === undefined) {
    return invalid('text', 'A message needs a text; to take it back, delete it');
  }
  const { mentions: _before, ...rest } = record;
  const named = mentions.length === 0 ? {} : { mentions };
  return { ...rest, text, ...named, editedAt: now, updatedAt: now };
}

function deleted(
  record: MessageRecord,
  { userId, mayDeleteAny }: { userId: string; mayDeleteAny: boolean },
  now: Date,
): MessageRecord | AppError {
  if (record.senderId !== userId && !mayDeleteAny) {
    return new AppError(
      'forbidden',
      'Only who wrote a message, or an admin of its group, may delete it.',
    );
  }
  if (record.deletedAt !== undefined) return record;
  // Its files stay named until they are gone, and are shown to nobody.
  const { replyTo: _r, reactions: _e, mentions: _m, editedAt: _t, ...place } = record;
  return { ...place, text: '', deletedAt: now, updatedAt: now };
}

function reacted(
  record: MessageRecord,
  { userId, emoji, active }: { userId: string; emoji: string; active: boolean },
  now: Date,
): MessageRecord | AppError {
  const before = record.reactions ?? [];
  const known = before.find((reaction) => reaction.emoji === emoji);
  if ((known?.userIds.includes(userId) ?? false) === active) return record;
  if (active && known === undefined && before.length >= limits.reactionsPerMessage) {
    return new AppError(
      'too_many_reactions',
      `A message has at most ${limits.reactionsPerMessage} different reactions.`,
    );
  }
  const choices = before.reduce((sum, { userIds }) => sum + userIds.length, 0);
  if (active && choices >= limits.choicesPerMessage) {
    return new AppError(
      'too_many_reactions',
      `A message takes at most ${limits.choicesPerMessage} reactions in all.`,
    );
  }
  const { reactions: _before, ...rest } = record;
  const reactions = active ? withReaction(before, emoji, userId) : without(before, emoji, userId);
  return { ...rest, ...(reactions.length === 0 ? {} : { reactions }), updatedAt: now };
}

const withReaction = (reactions: Reaction[], emoji: string, userId: string): Reaction[] =>
  reactions.some((one) => one.emoji === emoji)
    ? reactions.map((one) =>
        one.emoji === emoji ? { emoji, userIds: [...one.userIds, userId] } : one,
      )
    : [...reactions, { emoji, userIds: [userId] }];

const without = (reactions: Reaction[], emoji: string, userId: string): Reaction[] =>
  reactions
    .map((one) =>
      one.emoji === emoji
        ? { emoji, userIds: one.userIds.filter((known) => known !== userId) }
        : one,
    )
    .filter(({ userIds }) => userIds.length > 0);
