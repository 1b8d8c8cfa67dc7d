import { useMutation } from '@tanstack/react-query';
import { useState } from 'react';
import type { Group, User } from '../../protocol/types.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { counted } from '../state/wording.ts';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions, DialogBody } from '../ui/dialog.tsx';
import { Fault } from '../ui/fault.tsx';
import { MemberPicker } from './member-picker.tsx';

/** Brings more people into a group. */
export function AddMembersDialog({ group, onClose }: { group: Group; onClose: () => void }) {
  const { chat } = useChat();
  const [members, setMembers] = useState<readonly User[]>([]);
  const add = useMutation({
    mutationFn: () =>
      chat.api.addGroupMembers(
        group._id,
        members.map((one) => one._id),
      ),
    onSuccess: (changed) => {
      chat.takeGroup(changed);
      onClose();
    },
  });
  return (
    <Dialog title={`Add people to ${group.name}`} onClose={onClose}>
      <DialogBody>
        <MemberPicker
          members={members}
          onChange={setMembers}
          without={new Set(group.members.map((one) => one._id))}
        />
        {add.isError && <Fault className="mt-3">{explain(add.error)}</Fault>}
      </DialogBody>
      <DialogActions>
        <Button look="quiet" onClick={onClose}>
          Cancel
        </Button>
        <Button busy={add.isPending} disabled={members.length === 0} onClick={() => add.mutate()}>
          {members.length === 0 ? 'Add' : `Add ${counted(members.length, 'person', 'people')}`}
        </Button>
      </DialogActions>
    </Dialog>
  );
}
