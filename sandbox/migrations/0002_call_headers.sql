-- What came with a call to a platform besides its body: who signs, for which intention, from which request, in which language.
alter table calls add column headers jsonb not null default '{}';
