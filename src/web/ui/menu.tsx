import { clsx } from 'clsx';
import { Check } from 'lucide-react';
import { DropdownMenu } from 'radix-ui';
import type { ReactNode } from 'react';

const itemLook = clsx(
  'flex h-9 items-center gap-2.5 rounded-lg px-2.5 text-base outline-none select-none',
  'data-highlighted:bg-hover',
);

export interface MenuProps {
  trigger: ReactNode;
  children: ReactNode;
  align?: 'start' | 'end';
}

/**
 * A menu that drops from its button. Not modal: the modal kind locks scrolling with an inline
 * style element, which the Content-Security-Policy refuses.
 */
export function Menu({ trigger, children, align = 'start' }: MenuProps) {
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger asChild>{trigger}</DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align={align}
          sideOffset={6}
          collisionPadding={8}
          className="z-50 min-w-56 animate-appear rounded-xl border border-line bg-raised p-1.5 shadow-float"
        >
          {children}
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

export interface MenuItemProps {
  icon: ReactNode;
  children: ReactNode;
  onSelect: () => void;
  dangerous?: boolean;
}

export function MenuItem({ icon, children, onSelect, dangerous = false }: MenuItemProps) {
  return (
    <DropdownMenu.Item
      className={clsx(itemLook, dangerous ? 'text-danger' : 'text-ink')}
      onSelect={onSelect}
    >
      <span className={dangerous ? '' : 'text-ink-faint'}>{icon}</span>
      {children}
    </DropdownMenu.Item>
  );
}

export interface MenuChoiceProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: string; icon: ReactNode }[];
  onChoose: (value: T) => void;
}

/** A few values in a menu, one of which is chosen. */
export function MenuChoice<T extends string>({
  label,
  value,
  options,
  onChoose,
}: MenuChoiceProps<T>) {
  return (
    <DropdownMenu.RadioGroup value={value}>
      <DropdownMenu.Label className="px-2.5 pt-1.5 pb-1 text-xs font-medium text-ink-faint">
        {label}
      </DropdownMenu.Label>
      {options.map((option) => (
        <DropdownMenu.RadioItem
          key={option.value}
          value={option.value}
          className={itemLook}
          onSelect={(event) => {
            // The menu stays open, so that the effect can be seen and changed.
            event.preventDefault();
            onChoose(option.value);
          }}
        >
          <span className="text-ink-faint">{option.icon}</span>
          <span className="flex-1">{option.label}</span>
          <DropdownMenu.ItemIndicator>
            <Check size={16} aria-hidden className="text-accent" />
          </DropdownMenu.ItemIndicator>
        </DropdownMenu.RadioItem>
      ))}
    </DropdownMenu.RadioGroup>
  );
}

export function MenuLine() {
  return <DropdownMenu.Separator className="mx-2 my-1.5 h-px bg-line" />;
}
