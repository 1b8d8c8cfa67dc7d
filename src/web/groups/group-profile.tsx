import { useMutation } from '@tanstack/react-query';
import { Pencil } from 'lucide-react';
import { useState } from 'react';
import type { Group } from '../../protocol/types.ts';
import { prepareAvatar } from '../browser/pictures.ts';
import { explain } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { Fault } from '../ui/fault.tsx';
import { PictureButton } from '../ui/picture-button.tsx';
import { GroupForm } from './group-form.tsx';

/** Picture, name and description; administrators may change them. */
export function GroupProfile({ group, isAdmin }: { group: Group; isAdmin: boolean }) {
  const { chat } = useChat();
  const [isEditing, setIsEditing] = useState(false);
  const setPicture = useMutation({
    mutationFn: (groupPic: string) => chat.api.updateGroup(group._id, { groupPic }),
    onSuccess: (changed) => chat.takeGroup(changed),
  });
  const prepare = useMutation({
    mutationFn: prepareAvatar,
    onMutate: setPicture.reset,
    onSuccess: (groupPic) => setPicture.mutate(groupPic),
  });
  const picture = (
    <Avatar id={group._id} name={group.name} picture={group.groupPic} size="xl" isGroup />
  );
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] justify-items-center gap-3 text-center">
      {isAdmin ? (
        <PictureButton
          label="Choose a picture for the group"
          onPick={prepare.mutate}
          disabled={prepare.isPending || setPicture.isPending}
        >
          {picture}
        </PictureButton>
      ) : (
        picture
      )}
      {prepare.isError && <Fault>{prepare.error.message}</Fault>}
      {setPicture.isError && <Fault>{explain(setPicture.error)}</Fault>}
      {isEditing ? (
        <GroupForm group={group} onClose={() => setIsEditing(false)} />
      ) : (
        <div className="max-w-full">
          <p className="text-lg font-semibold wrap-anywhere">{group.name}</p>
          {group.description !== '' && (
            <p className="mt-1 whitespace-pre-wrap wrap-anywhere text-ink-soft">
              {group.description}
            </p>
          )}
          {isAdmin && (
            <Button look="quiet" className="mt-3 h-9" onClick={() => setIsEditing(true)}>
              <Pencil size={15} aria-hidden />
              Edit
            </Button>
          )}
        </div>
      )}
    </div>
  );
}
