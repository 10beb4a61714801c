package analyze

var descriptiveKinds = []kind{}
