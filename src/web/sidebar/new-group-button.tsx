import { MessageSquarePlus } from 'lucide-react';
import { useState } from 'react';
import { NewGroupDialog } from '../groups/new-group-dialog.tsx';
import { IconButton } from '../ui/button.tsx';

export function NewGroupButton() {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <>
      <IconButton label="New group" onClick={() => setIsOpen(true)}>
        <MessageSquarePlus size={19} aria-hidden />
      </IconButton>
      {isOpen && <NewGroupDialog onClose={() => setIsOpen(false)} />}
    </>
  );
}
