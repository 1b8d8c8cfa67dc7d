import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { limits } from '../../protocol/limits.ts';
import type { Group } from '../../protocol/types.ts';
import { explain, faultOf } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { Button } from '../ui/button.tsx';
import { Fault } from '../ui/fault.tsx';
import { Field } from '../ui/field.tsx';

/** Changes a group's name and description. */
export function GroupForm({ group, onClose }: { group: Group; onClose: () => void }) {
  const { chat } = useChat();
  const [name, setName] = useState(group.name);
  const [description, setDescription] = useState(group.description);
  const save = useMutation({
    mutationFn: () => chat.api.updateGroup(group._id, { name, description }),
    onSuccess: (changed) => {
      chat.takeGroup(changed);
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  const faults = {
    name: faultOf(save.error, 'name'),
    description: faultOf(save.error, 'description'),
  };
  return (
    <form className="grid w-full gap-3 text-left" onSubmit={submit} noValidate>
      <Field
        label="Name"
        value={name}
        maxLength={limits.nameLength}
        onChange={(event) => setName(event.target.value)}
        fault={faults.name}
      />
      <Field
        label="Description"
        value={description}
        maxLength={limits.descriptionLength}
        onChange={(event) => setDescription(event.target.value)}
        fault={faults.description}
      />
      {save.isError && !faults.name && !faults.description && <Fault>{explain(save.error)}</Fault>}
      <div className="flex justify-end gap-2">
        <Button look="quiet" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" busy={save.isPending} disabled={name.trim() === ''}>
          Save
        </Button>
      </div>
    </form>
  );
}
