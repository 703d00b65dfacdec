<?php
// Stores files/YYYYmmdd-HHMMSS.<extension that the client gave>, as the vision board does.
if (isset($_FILES['vision'])) {
    $extension = pathinfo($_FILES['vision']['name'], PATHINFO_EXTENSION);
    $target = 'files/' . date('Ymd-His') . '.' . $extension;
    if ($_FILES['vision']['error'] !== UPLOAD_ERR_OK
        || !move_uploaded_file($_FILES['vision']['tmp_name'], $target)) {
        http_response_code(500);
        exit("upload failed\n");
    }
    exit("stored $target\n");
}
?>
<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>Add a vision</title></head>
<body>
<form method="post" enctype="multipart/form-data">
<input type="file" name="vision"> <button>Upload</button>
</form>
</body>
</html>
