SELECT study, subject, argMax(factors, subject.sequence), argMax(simulated, subject.sequence)
FROM subject
GROUP BY study, subject
