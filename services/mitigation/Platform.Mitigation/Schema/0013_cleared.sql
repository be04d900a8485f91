-- Speakers and scrubbers that were read without a countermeasure that is on its way out, while another has yet to answer.
alter table views.countermeasures_v1 add column cleared_by text[] not null default '{}';
