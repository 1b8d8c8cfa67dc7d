import { UserMinus } from 'lucide-react';
import { useState } from 'react';
import type { Group, GroupMember } from '../../protocol/types.ts';
import { useChat } from '../state/chat.tsx';
import { usePresence } from '../state/live.ts';
import { Avatar } from '../ui/avatar.tsx';
import { IconButton } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';

export interface MemberItemProps {
  member: GroupMember;
  group: Group;
  mayRemove: boolean;
}

/** One member: name, role, and for administrators the way out. */
export function MemberItem({ member, group, mayRemove }: MemberItemProps) {
  const { chat } = useChat();
  const [isAsking, setIsAsking] = useState(false);
  const isSelf = member._id === chat.ownId;
  const presence = usePresence(isSelf ? undefined : member._id);
  return (
    <li className="flex min-h-12 items-center gap-3 rounded-lg">
      <Avatar
        id={member._id}
        name={member.fullName}
        picture={member.profilePic}
        size="sm"
        online={presence?.online ?? false}
      />
      <span className="flex min-w-0 flex-1 gap-1">
        <span className="truncate">{member.fullName}</span>
        {isSelf && <span className="shrink-0 text-ink-faint">(you)</span>}
        {presence?.online && <span className="sr-only">, online</span>}
      </span>
      {member.role === 'admin' && (
        <span className="rounded-full bg-accent-soft px-2 py-0.5 text-xs font-medium text-accent">
          Admin
        </span>
      )}
      {mayRemove && !isSelf && (
        <IconButton label={`Remove ${member.fullName}`} onClick={() => setIsAsking(true)}>
          <UserMinus size={17} aria-hidden />
        </IconButton>
      )}
      {isAsking && (
        <ConfirmDialog
          title={`Remove ${member.fullName}?`}
          action="Remove"
          onConfirm={async () =>
            chat.takeGroup(await chat.api.removeGroupMember(group._id, member._id))
          }
          onClose={() => setIsAsking(false)}
        >
          They will no longer see the messages of this group.
        </ConfirmDialog>
      )}
    </li>
  );
}
