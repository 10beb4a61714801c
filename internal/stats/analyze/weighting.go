package analyze

var weightingKinds = []kind{}
