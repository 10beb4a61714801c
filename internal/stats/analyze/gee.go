package analyze

var geeKinds = []kind{}
