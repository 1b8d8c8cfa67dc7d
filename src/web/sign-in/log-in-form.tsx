import { type FormEvent, useState } from 'react';
import { faultOf } from '../client/errors.ts';
import { api } from '../state/queries.ts';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { SignInFault } from './sign-in-fault.tsx';
import { useSignIn } from './use-sign-in.ts';

export function LogInForm() {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useSignIn(() => api.login({ email, password }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <form className="grid gap-4" onSubmit={submit} noValidate aria-label="Log in">
      <Field
        label="E-mail"
        type="email"
        autoComplete="username"
        value={email}
        onChange={(event) => setEmail(event.target.value)}
        fault={faultOf(signIn.error, 'email')}
      />
      <Field
        label="Password"
        type="password"
        autoComplete="current-password"
        value={password}
        onChange={(event) => setPassword(event.target.value)}
        fault={faultOf(signIn.error, 'password')}
      />
      <SignInFault error={signIn.error} />
      <Button type="submit" busy={signIn.isPending} className="mt-1">
        Log in
      </Button>
    </form>
  );
}
