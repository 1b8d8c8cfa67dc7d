import type { Conversation } from './conversations.ts';
import { useTyping } from './live.ts';

/** "typing…", and in groups who; "" while nobody is. */
export function useTypingWords(conversation: Conversation): string {
  const writing = useTyping(conversation.id);
  if (writing.length === 0) return '';
  if (conversation.kind === 'person') return 'typing…';
  const names = conversation.group.members
    .filter(({ _id }) => writing.includes(_id))
    .map(({ fullName }) => fullName.split(' ')[0]);
  const [first, second] = names;
  if (names.length > 2) return `${names.length} people are typing…`;
  if (second !== undefined) return `${first} and ${second} are typing…`;
  return first === undefined ? '' : `${first} is typing…`;
}
