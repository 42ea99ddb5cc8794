-- The attempts as they are shown. A claim counts the attempt that it begins, and is no new version of its activation: what shows
-- changes with an outcome only, also when whoever claimed it died. Of a command that has ended nobody reads it.
alter table commands add column attempts_shown int not null default 0;
update commands set attempts_shown = attempts where state = 'ready';
