// Stand-in of the example that receives events.
var shared_secret = "33e06642a13942004fd83b3ba6e4104a";
