import { type FormEvent, useState } from 'react';
import { limits } from '../../protocol/limits.ts';
import { faultOf } from '../client/errors.ts';
import { api } from '../state/queries.ts';
import { Button } from '../ui/button.tsx';
import { Field } from '../ui/field.tsx';
import { SignInFault } from './sign-in-fault.tsx';
import { useSignIn } from './use-sign-in.ts';

export function SignUpForm() {
  const [fullName, setFullName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const signIn = useSignIn(() => api.signup({ fullName, email, password }));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <form className="grid gap-4" onSubmit={submit} noValidate aria-label="Create an account">
      <Field
        label="Full name"
        autoComplete="name"
        maxLength={limits.nameLength}
        value={fullName}
        onChange={(event) => setFullName(event.target.value)}
        fault={faultOf(signIn.error, 'fullName')}
      />
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
        autoComplete="new-password"
        value={password}
        onChange={(event) => setPassword(event.target.value)}
        fault={faultOf(signIn.error, 'password')}
        hint={`At least ${limits.passwordMinLength} characters`}
      />
      <SignInFault error={signIn.error} />
      <Button type="submit" busy={signIn.isPending} className="mt-1">
        Create account
      </Button>
    </form>
  );
}
