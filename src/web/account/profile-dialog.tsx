import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import { limits } from '../../protocol/limits.ts';
import { prepareAvatar } from '../browser/pictures.ts';
import { explain, faultOf } from '../client/errors.ts';
import { useChat } from '../state/chat.tsx';
import { meQuery, queryClient } from '../state/queries.ts';
import { date } from '../state/wording.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog, DialogActions, DialogBody } from '../ui/dialog.tsx';
import { Fault } from '../ui/fault.tsx';
import { Field } from '../ui/field.tsx';
import { PictureButton } from '../ui/picture-button.tsx';

/** One's own name and picture. */
export function ProfileDialog({ onClose }: { onClose: () => void }) {
  const { chat, me } = useChat();
  const [fullName, setFullName] = useState(me.fullName);
  const name = fullName.trim();
  const nameInput = useRef<HTMLInputElement>(null);
  const preview = useMutation({ mutationFn: prepareAvatar });
  const save = useMutation({
    mutationFn: () =>
      chat.api.updateProfile({
        ...(name === me.fullName ? {} : { fullName: name }),
        ...(preview.data ? { profilePic: preview.data } : {}),
      }),
    onSuccess: (updated) => {
      queryClient.setQueryData(meQuery.queryKey, (old) => old && { ...old, ...updated });
      onClose();
    },
  });
  // Said here: the server takes an empty name for one that stays as it is.
  const nameFault = name === '' ? 'A name is required' : faultOf(save.error, 'fullName');
  const maySave = name !== '' && (name !== me.fullName || preview.data !== undefined);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (maySave) save.mutate();
  };
  const error = preview.error ?? (nameFault === undefined ? save.error : null);

  return (
    <Dialog title="Profile" onClose={onClose} initialFocus={nameInput}>
      <form className="contents" onSubmit={submit} noValidate>
        <DialogBody className="grid gap-4">
          <div className="grid justify-items-center">
            <PictureButton label="Choose a picture" onPick={preview.mutate}>
              <Avatar
                id={me._id}
                name={me.fullName}
                picture={preview.data ?? me.profilePic}
                size="xl"
              />
            </PictureButton>
          </div>
          <Field
            ref={nameInput}
            label="Full name"
            value={fullName}
            maxLength={limits.nameLength}
            autoComplete="name"
            onChange={(event) => setFullName(event.target.value)}
            fault={nameFault}
          />
          <dl className="grid grid-cols-[auto_1fr] gap-x-6 gap-y-2 rounded-xl border border-line bg-canvas px-4 py-3 text-sm">
            <dt className="text-ink-soft">E-mail</dt>
            <dd className="text-right break-all">{me.email}</dd>
            <dt className="text-ink-soft">Member since</dt>
            <dd className="text-right">{date(me.createdAt)}</dd>
          </dl>
          {error && <Fault>{error === preview.error ? error.message : explain(error)}</Fault>}
        </DialogBody>
        <DialogActions>
          <Button look="quiet" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" disabled={!maySave} busy={save.isPending}>
            Save
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  );
}
