-- Stand-in of the schema of the database that postinst makes anew.
create table meeting ("meetingId" varchar(100) primary key);
