<!DOCTYPE html>
<html>
<head><meta charset="utf-8"><title>503 Service Temporarily Unavailable</title></head>
<body>
<h1>The lab's vision board</h1>
<p><a href="upload.php">Add a vision</a></p>
<ul>
<?php
// Like the board that it stands for, this page is a fatal TypeError while files/ is empty or missing.
foreach (glob('files/*') as $file) {
    $visions[$file] = basename($file);
}
krsort($visions);
foreach ($visions as $file => $name) {
    printf("<li><a href=\"%s\">%s</a></li>\n", htmlspecialchars($file), htmlspecialchars($name));
}
?>
</ul>
</body>
</html>
