import { LogOut, Trash2, UserPlus } from 'lucide-react';
import { useState } from 'react';
import type { Group } from '../../protocol/types.ts';
import { goTo } from '../browser/route.ts';
import { useChat } from '../state/chat.tsx';
import { counted, date } from '../state/wording.ts';
import { Button } from '../ui/button.tsx';
import { ConfirmDialog } from '../ui/confirm-dialog.tsx';
import { Dialog, DialogBody } from '../ui/dialog.tsx';
import { AddMembersDialog } from './add-members-dialog.tsx';
import { GroupProfile } from './group-profile.tsx';
import { MemberItem } from './member-item.tsx';

/** A group's details: what it is, who is in it, and what one may do there. */
export function GroupDialog({ group, onClose }: { group: Group; onClose: () => void }) {
  const { chat } = useChat();
  const [asking, setAsking] = useState<'' | 'add' | 'leave' | 'delete'>('');
  const isAdmin = group.admins.includes(chat.ownId);
  const isLast = group.members.length === 1;
  const drop = () => {
    onClose();
    goTo('');
    chat.dropGroup(group._id);
  };
  const members = [...group.members].sort(
    (a, b) =>
      Number(b.role === 'admin') - Number(a.role === 'admin') ||
      a.fullName.localeCompare(b.fullName),
  );

  return (
    <Dialog title="Group details" onClose={onClose}>
      <DialogBody>
        <GroupProfile group={group} isAdmin={isAdmin} />
        <div className="mt-5 mb-1 flex items-center justify-between">
          <h3 className="text-sm font-medium text-ink-soft">
            {counted(group.members.length, 'member')}
          </h3>
          {isAdmin && (
            <Button look="quiet" className="h-9" onClick={() => setAsking('add')}>
              <UserPlus size={16} aria-hidden />
              Add people
            </Button>
          )}
        </div>
        <ul>
          {members.map((member) => (
            <MemberItem key={member._id} member={member} group={group} mayRemove={isAdmin} />
          ))}
        </ul>
        <div className="mt-4 flex flex-wrap items-center gap-2 border-t border-line pt-4">
          <Button look="quiet" onClick={() => setAsking('leave')}>
            <LogOut size={16} aria-hidden />
            Leave group
          </Button>
          {isAdmin && (
            <Button look="quietDanger" onClick={() => setAsking('delete')}>
              <Trash2 size={16} aria-hidden />
              Delete group
            </Button>
          )}
        </div>
        <p className="mt-4 text-xs text-ink-faint">Created on {date(group.createdAt)}</p>
      </DialogBody>
      {asking === 'add' && <AddMembersDialog group={group} onClose={() => setAsking('')} />}
      {asking === 'leave' && (
        <ConfirmDialog
          title={`Leave “${group.name}”?`}
          action="Leave"
          onConfirm={() => chat.api.leaveGroup(group._id).then(drop)}
          onClose={() => setAsking('')}
        >
          {isLast
            ? 'You are the last member: the group and its messages are deleted.'
            : 'You will no longer see its messages. An administrator can add you again.'}
        </ConfirmDialog>
      )}
      {asking === 'delete' && (
        <ConfirmDialog
          title={`Delete “${group.name}”?`}
          action="Delete"
          onConfirm={() => chat.api.deleteGroup(group._id).then(drop)}
          onClose={() => setAsking('')}
        >
          The group and all its messages disappear for everyone. This cannot be undone.
        </ConfirmDialog>
      )}
    </Dialog>
  );
}
