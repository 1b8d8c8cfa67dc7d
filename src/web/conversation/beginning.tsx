import type { Conversation } from '../state/conversations.ts';
import { Avatar } from '../ui/avatar.tsx';

/** Stands above the first message of all. */
export function Beginning({ conversation }: { conversation: Conversation }) {
  const { name, picture, kind } = conversation;
  const isGroup = kind === 'group';
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] justify-items-center px-6 pb-8 text-center">
      <Avatar
        id={isGroup ? conversation.id : conversation.person._id}
        name={name}
        picture={picture}
        size="xl"
        isGroup={isGroup}
      />
      <h2 className="mt-4 text-lg font-semibold wrap-anywhere">{name}</h2>
      <p className="mt-1 max-w-sm text-balance wrap-anywhere text-ink-soft">
        {isGroup
          ? conversation.group.description || 'This is where the group begins.'
          : `This is where your conversation with ${name.split(' ')[0]} begins.`}
      </p>
    </div>
  );
}
