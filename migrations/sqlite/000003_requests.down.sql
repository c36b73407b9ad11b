-- Page tokens that are out become invalid, and repeated requests are carried out again.

DROP TABLE store_secrets;
DROP TABLE completed_requests;
