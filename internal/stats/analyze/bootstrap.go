package analyze

var bootstrapKinds = []kind{}
