import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { limits } from '../../protocol/limits.ts';
import type { User } from '../../protocol/types.ts';
import { goTo } from '../browser/route.ts';
import { explain, faultOf } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions, DialogBody } from '../ui/dialog.tsx';
import { Fault } from '../ui/fault.tsx';
import { Field } from '../ui/field.tsx';
import { MemberPicker } from './member-picker.tsx';

/** Makes a group: a name and the people in it. */
export function NewGroupDialog({ onClose }: { onClose: () => void }) {
  const { chat } = useChat();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const [members, setMembers] = useState<readonly User[]>([]);
  const create = useMutation({
    mutationFn: () =>
      chat.api.createGroup({ name, description, memberIds: members.map((one) => one._id) }),
    onSuccess: (group) => {
      chat.takeGroup(group);
      onClose();
      goTo(group._id);
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    create.mutate();
  };
  const faults = {
    name: faultOf(create.error, 'name'),
    description: faultOf(create.error, 'description'),
  };
  const isElsewhere = create.isError && !faults.name && !faults.description;

  return (
    <Dialog title="New group" onClose={onClose}>
      <form className="contents" onSubmit={submit} noValidate>
        <DialogBody className="grid gap-4">
          <Field
            label="Name"
            value={name}
            maxLength={limits.nameLength}
            onChange={(event) => setName(event.target.value)}
            fault={faults.name}
          />
          <Field
            label="Description (optional)"
            value={description}
            maxLength={limits.descriptionLength}
            onChange={(event) => setDescription(event.target.value)}
            fault={faults.description}
          />
          <MemberPicker members={members} onChange={setMembers} />
          {isElsewhere && <Fault>{explain(create.error)}</Fault>}
        </DialogBody>
        <DialogActions>
          <Button look="quiet" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" busy={create.isPending} disabled={name.trim() === ''}>
            Create group
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
