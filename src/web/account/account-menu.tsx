import {
  Activity,
  ChevronDown,
  LogOut,
  Monitor,
  MonitorSmartphone,
  Moon,
  Sun,
  UserRound,
} from 'lucide-react';
import { useState } from 'react';
import { goToOperations } from '../browser/route.ts';
import { theme } from '../browser/theme.ts';
import { useChat } from '../state/chat.tsx';
import { useTheme } from '../state/live.ts';
import { Avatar } from '../ui/avatar.tsx';
import { Menu, MenuChoice, MenuItem, MenuLine } from '../ui/menu.tsx';
import { LogOutDialog } from './log-out-dialog.tsx';
import { LogOutFailedDialog } from './log-out-failed-dialog.tsx';
import { ProfileDialog } from './profile-dialog.tsx';
import { SessionsDialog } from './sessions-dialog.tsx';
import { useLogOut } from './use-log-out.ts';

const themes = [
  { value: 'light', label: 'Light', icon: <Sun size={17} aria-hidden /> },
  { value: 'dark', label: 'Dark', icon: <Moon size={17} aria-hidden /> },
  { value: 'system', label: 'Same as system', icon: <Monitor size={17} aria-hidden /> },
] as const;

/** Oneself: name and picture, and what concerns the own account. */
export function AccountMenu() {
  const { chat, me } = useChat();
  const [open, setOpen] = useState<'' | 'profile' | 'sessions' | 'logOut'>('');
  const chosen = useTheme();
  const logOut = useLogOut();
  const close = () => setOpen('');
  const leave = () => (chat.outbox.pendingCount() > 0 ? setOpen('logOut') : logOut.mutate());

  return (
    <>
      <Menu
        trigger={
          <button
            type="button"
            className="flex min-w-0 flex-1 items-center gap-2.5 rounded-xl p-1.5 text-left transition-colors hover:bg-hover"
            aria-label={`Your account, ${me.fullName}`}
          >
            <Avatar id={me._id} name={me.fullName} picture={me.profilePic} size="sm" />
            <span className="truncate font-semibold">{me.fullName}</span>
            <ChevronDown size={15} aria-hidden className="shrink-0 text-ink-faint" />
          </button>
        }
      >
        <MenuItem icon={<UserRound size={17} aria-hidden />} onSelect={() => setOpen('profile')}>
          Profile
        </MenuItem>
        <MenuItem
          icon={<MonitorSmartphone size={17} aria-hidden />}
          onSelect={() => setOpen('sessions')}
        >
          Sessions
        </MenuItem>
        {me.admin && (
          <MenuItem icon={<Activity size={17} aria-hidden />} onSelect={goToOperations}>
            Operations
          </MenuItem>
        )}
        <MenuLine />
        <MenuChoice label="Theme" value={chosen} options={themes} onChoose={theme.choose} />
        <MenuLine />
        <MenuItem icon={<LogOut size={17} aria-hidden />} onSelect={leave} dangerous>
          Log out
        </MenuItem>
      </Menu>
      {open === 'profile' && <ProfileDialog onClose={close} />}
      {open === 'sessions' && <SessionsDialog onClose={close} />}
      {open === 'logOut' && <LogOutDialog onClose={close} />}
      {logOut.isError && <LogOutFailedDialog onClose={logOut.reset} />}
    </>
  );
}
