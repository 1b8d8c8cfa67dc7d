import { useMutation } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import type { Account } from '../../protocol/types.ts';
import { faultOf } from '../client/errors.ts';
import { useNotes } from '../state/notes.ts';
import { meQuery, queryClient } from '../state/queries.ts';

/** Logs in or signs up, then opens the main screen. A refusal leads to the first wrong field. */
export function useSignIn(enter: () => Promise<Account>) {
  const signIn = useMutation({
    mutationFn: async () => {
      await enter();
      await queryClient.fetchQuery({ ...meQuery, staleTime: 0 });
    },
    onSuccess: () => useNotes.getState().setSignedOut(''),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    signIn.mutate(undefined, { onError: (error) => focusFault(form, error) });
  };
  return { ...signIn, submit };
}

function focusFault(form: HTMLFormElement, error: unknown): void {
  const fields = [...form.querySelectorAll('input')];
  fields.find((field) => faultOf(error, field.name) !== undefined)?.focus();
}
