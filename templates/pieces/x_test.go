package pieces
import ("testing";"os";"strings")
func TestX(t *testing.T){
 for _,f:=range []string{"order-completed","customer-updated"}{
  b,_:=os.ReadFile("../"+f+".jsonata"); s:=string(b)
  for _,p:=range For(f){ v:=""; if p.Value!="" {v="https://shop.example.com/p/{slug}"}; n,err:=p.Add(s,v); if err!=nil{t.Fatal(err)}; s=n }
  os.WriteFile("/tmp/try/"+f+".jsonata",[]byte(s),0644); t.Log(len(s))
  for _,p:=range For(f){ n,err:=p.Remove(s); if err!=nil{t.Fatal(err)}; s=n }
  if strings.TrimSpace(s)!=strings.TrimSpace(string(b)) {t.Error("differs")}
 }
}
