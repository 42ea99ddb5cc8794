-- One statement for a whole batch: locks first (activations, then commands, in id order), guards both rows, and every write
-- reads from `held`. A row that had changed is not in the answer; one whose instance another activation holds comes back
-- with held = false, and nothing of it is written.
with finished as (
  select *
  from unnest(
    $1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::int[], $7::float8[], $8::jsonb[], $9::bool[],
    $10::bool[], $11::bool[], $12::text[], $13::text[], $14::text[], $15::text[], $16::jsonb[], $17::uuid[], $18::text[],
    $19::jsonb[], $20::text[], $21::uuid[], $22::uuid[], $23::text[], $24::text[], $25::bool[], $26::jsonb[], $27::bool[]
  ) as f (
    command_id, fence, version, command_state, failed_as, attempts, pause, problem, not_yet,
    hidden, hold, account_id, stage, status, activation_problem, activation, challenge_id, challenge_status,
    challenge_account, challenge_email, next_id, next_key, next_lane, next_name, next_hidden, next_input, erase_password
  )
),
locked as materialized (
  select f.*, c.activation_id, c.trace, a.marketplace, a.instance_id
  from finished f
  join commands c on c.id = f.command_id
  join activations a on a.id = c.activation_id
  where c.state = 'ready' and c.fence = f.fence and a.version = f.version
  order by a.id, c.id
  for update of a, c
),
-- two lanes of one activation in one batch: the second is applied again
one as materialized (
  select distinct on (activation_id) *
  from locked
  order by activation_id, command_id
),
won as (
  insert into holds (marketplace, instance_id, activation_id)
  select distinct on (marketplace, instance_id) marketplace, instance_id, activation_id
  from one
  where hold
  order by marketplace, instance_id, activation_id
  on conflict (marketplace, instance_id) do update
  set activation_id = excluded.activation_id
  where holds.activation_id = excluded.activation_id
  returning activation_id
),
held as materialized (
  select *
  from one
  where not hold or activation_id in (select activation_id from won)
),
command as (
  update commands c
  set state = h.command_state,
      fence = c.fence + 1,
      attempts = c.attempts + h.attempts,
      attempts_shown = c.attempts + h.attempts,
      dispatches = 0,
      dispatched_at = null,
      due_at = case when h.command_state = 'ready' then now() + make_interval(secs => h.pause) end,
      not_before = case when h.command_state = 'ready' then now() + make_interval(secs => h.pause) else c.not_before end,
      lease_until = null,
      held = false,
      waiting_since = case when h.not_yet then coalesce(c.waiting_since, now()) end,
      problem = h.problem,
      finished_at = case when h.command_state <> 'ready' then now() end
  from held h
  where c.id = h.command_id
  returning c.id, c.fence, c.attempts, c.due_at, h.failed_as, h.problem
),
attempt as (
  insert into attempts (command_id, fence, attempt, outcome, problem, next_at)
  select id, fence, attempts, failed_as, problem, due_at
  from command
  where failed_as is not null
),
-- reads from `command`, so that the lane is free before the next command enters it
next as (
  insert into commands (id, activation_id, lane, name, key, hidden, due_at, input, trace)
  select h.next_id, h.activation_id, h.next_lane, h.next_name, h.next_key, h.next_hidden,
         now() + make_interval(secs => $28), h.next_input, h.trace
  from held h
  join command on command.id = h.command_id
  where h.next_id is not null
  on conflict do nothing
),
challenge as (
  update challenges c
  set status = case
        when h.challenge_status = 'spent' or c.status in ('queued', 'sent') then h.challenge_status
        else c.status
      end,
      account = coalesce(h.challenge_account, c.account),
      email = coalesce(h.challenge_email, c.email)
  from held h
  where c.id = h.challenge_id
),
erased as (
  delete from sealed s
  using held h
  where h.erase_password and s.activation_id = h.activation_id
),
-- an operator has to look: the buyer's password does not wait for that longer than a week
waits_for_operator as (
  update sealed s
  set erase_at = now() + interval '7 days'
  from held h
  where h.command_state = 'dead' and s.activation_id = h.activation_id
),
activation as (
  update activations a
  set version = a.version + 1,
      account_id = h.account_id,
      stage = h.stage,
      status = h.status,
      problem = h.activation_problem,
      state = h.activation,
      updated_at = now()
  from held h
  where a.id = h.activation_id and not h.hidden
  returning a.id, a.version
)
select one.command_id as "command_id!",
       coalesce(activation.version, one.version) as "version!",
       held.command_id is not null as "held!"
from one
left join held on held.command_id = one.command_id
left join activation on activation.id = one.activation_id
