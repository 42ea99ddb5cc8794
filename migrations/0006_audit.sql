-- What operators did, and why: written in the transaction of the act, and never changed. No personal data: the name is the token's.
create table audit (
  id            uuid primary key,
  operator      text not null,
  act           text not null check (act in ('retry', 'cancel', 'resend', 'unbind', 'erase', 'replay')),
  activation_id uuid references activations (id),
  reason        text not null,
  -- the request's trace, as in its log lines and in the commands that it began
  trace         text not null,
  acted_at      timestamptz not null default now()
);
create index audit_acted on audit (acted_at);
create index audit_activation on audit (activation_id, acted_at);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
  raise exception 'what stands in audit is never changed';
end $$;
create trigger append_only before update or delete or truncate on audit
for each statement execute function audit_is_append_only();
