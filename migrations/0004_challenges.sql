-- A verification code that was asked for. The code itself stands nowhere: it is derived from the id by the key named here.
create table challenges (
  id            uuid primary key,
  activation_id uuid not null references activations (id),
  purpose       text not null check (purpose in ('registration', 'workspace_owner', 'new_workspace_owner', 'billing_account')),
  -- the address or username as it is counted: without regard to case
  target        text not null,
  -- where the mail goes; for a username only once it was looked up, and never if it is unknown
  email         text,
  -- a username as it was typed, to be looked up
  username      text,
  -- of purpose billing_account: the account that the username named
  account       jsonb,
  key_id        int not null,
  language      text not null,
  status        text not null default 'queued' check (status in ('queued', 'sent', 'refused', 'proven', 'spent', 'expired')),
  sends         int not null default 1,
  tries         int not null default 0,
  -- where a typed entry asked from (IPv6: /64); null for Login Directly
  client        text,
  account_id    text,
  created_at    timestamptz not null default now(),
  expires_at    timestamptz not null,
  resend_at     timestamptz not null,
  proven_at     timestamptz
);
create index challenges_activation on challenges (activation_id, created_at);
create index challenges_target on challenges (target, created_at);
create index challenges_account on challenges (account_id, created_at);
create index challenges_client on challenges (client, created_at) where client is not null;
create index challenges_open on challenges (expires_at) where status in ('queued', 'sent');
create index challenges_proven on challenges (proven_at) where status = 'proven';

-- Passwords until whoever must have them has taken them: sealed, and erased in time.
create table sealed (
  activation_id uuid primary key references activations (id),
  key_id        int not null,
  box           bytea not null,
  -- seven days after an operator had to be called; null while it is on its way
  erase_at      timestamptz
);
create index sealed_erase on sealed (erase_at) where erase_at is not null;

-- who sends the codes: the workers know it, the pages tell the buyer whom to look for
create table mail_sender (
  one     boolean primary key default true check (one),
  address text not null
);
